// Two functions between Kotlin and the engine. Compiled into liblarq_igp_runtime_jni.so, see
// CMakeLists.txt.
#include <jni.h>

#include <cstdint>

#include "larq_igp_runtime.h"

extern "C" JNIEXPORT jlong JNICALL Java_org_larq_igp_BinaryEngine_create(JNIEnv* env, jobject) {
  char error[256] = "";
  TfLiteDelegate* delegate = larq_igp_create_delegate(nullptr, error, sizeof error);
  const jclass exception = delegate ? nullptr : env->FindClass("java/lang/IllegalStateException");
  if (exception) env->ThrowNew(exception, error);
  return reinterpret_cast<jlong>(delegate);
}

extern "C" JNIEXPORT void JNICALL Java_org_larq_igp_BinaryEngine_destroy(JNIEnv*, jobject,
                                                                         jlong delegate) {
  larq_igp_destroy_delegate(reinterpret_cast<TfLiteDelegate*>(delegate));
}
