// See ../../c/c_api.h.
#pragma once

#include "tensorflow/lite/c/c_api.h"

extern "C" {

typedef struct TfLiteExternalDelegateOptions {
  const char* lib_path;
  int count;
  const char* keys[256];
  const char* values[256];
  TfLiteStatus (*insert)(struct TfLiteExternalDelegateOptions*, const char* key, const char* value);
} TfLiteExternalDelegateOptions;

TfLiteExternalDelegateOptions TfLiteExternalDelegateOptionsDefault(const char* lib_path);
TfLiteDelegate* TfLiteExternalDelegateCreate(const TfLiteExternalDelegateOptions*);
void TfLiteExternalDelegateDelete(TfLiteDelegate*);

}  // extern "C"
