#include "onnxruntime_abi.h"
