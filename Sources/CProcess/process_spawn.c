#include "process_spawn.h"
