#include "script_worker.h"
