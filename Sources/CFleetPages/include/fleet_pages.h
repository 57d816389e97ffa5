// The fleet's pages as they were when this was compiled.
#pragma once

#include <stddef.h>

/// A page or what belongs to it, by its name below `pages/`, such as `app.js`: static memory, its length in `count`. Null
/// where there is none of that name.
const void *fleet_page(const char *name, size_t *count);
