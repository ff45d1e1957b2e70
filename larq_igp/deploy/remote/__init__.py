"""Run a ``.tflite`` on another machine, over ssh or on an Android device over adb."""
