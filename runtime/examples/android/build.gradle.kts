// The parts of app/build.gradle.kts that concern the engine. It is 64-bit: arm64-v8a for phones, x86_64 for the emulator.
android {
    defaultConfig {
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
        externalNativeBuild {
            cmake {
                arguments += listOf("-DENGINE=/path/to/larq-igp/runtime", "-DANDROID_STL=c++_static")
            }
        }
    }
    externalNativeBuild { cmake { path = file("src/main/cpp/CMakeLists.txt") } }
    packaging { jniLibs { useLegacyPackaging = true } } // unpacked at installation, so the library has a path
    androidResources { noCompress += "tflite" }
}

dependencies {
    implementation("com.google.ai.edge.litert:litert:1.4.0")
}
