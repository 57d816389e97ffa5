#include "unix_sockets.h"
