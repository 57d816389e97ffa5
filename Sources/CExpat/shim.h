// libexpat's header, for the module map.
#include <expat.h>
