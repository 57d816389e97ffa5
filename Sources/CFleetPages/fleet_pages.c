#include "fleet_pages.h"

#include <string.h>

static const unsigned char index_html[] = {
#embed "pages/index.html"
};
static const unsigned char app_js[] = {
#embed "pages/app.js"
};
static const unsigned char style_css[] = {
#embed "pages/style.css"
};

static const struct {
    const char *name;
    const void *start;
    size_t count;
} pages[] = {
    {"index.html", index_html, sizeof index_html},
    {"app.js", app_js, sizeof app_js},
    {"style.css", style_css, sizeof style_css},
};

const void *fleet_page(const char *name, size_t *count)
{
    for (size_t index = 0; index < sizeof pages / sizeof pages[0]; index++) {
        if (strcmp(pages[index].name, name) == 0) {
            *count = pages[index].count;
            return pages[index].start;
        }
    }
    return NULL;
}
