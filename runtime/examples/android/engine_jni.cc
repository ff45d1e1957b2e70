// Two functions between Kotlin and the engine. Compiled into liblarq_igp_runtime_jni.so, see
// CMakeLists.txt.
#include <jni.h>

#include <cstddef>
#include <cstdint>

struct TfLiteDelegate;
extern "C" TfLiteDelegate* tflite_plugin_create_delegate(const char* const* keys,
                                                         const char* const* values, size_t count,
                                                         void (*report_error)(const char*));
extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate);

extern "C" JNIEXPORT jlong JNICALL Java_org_larq_igp_BinaryEngine_create(JNIEnv*, jobject) {
  return reinterpret_cast<jlong>(tflite_plugin_create_delegate(nullptr, nullptr, 0, nullptr));
}

extern "C" JNIEXPORT void JNICALL Java_org_larq_igp_BinaryEngine_destroy(JNIEnv*, jobject,
                                                                         jlong delegate) {
  tflite_plugin_destroy_delegate(reinterpret_cast<TfLiteDelegate*>(delegate));
}
