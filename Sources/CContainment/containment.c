#include "containment.h"
