#include "fleet_pages.h"

#include <string.h>

static const unsigned char app_js[] = {
#embed "pages/app.js"
};
static const unsigned char bundles_js[] = {
#embed "pages/bundles.js"
};
static const unsigned char data_js[] = {
#embed "pages/data.js"
};
static const unsigned char device_js[] = {
#embed "pages/device.js"
};
static const unsigned char devices_js[] = {
#embed "pages/devices.js"
};
static const unsigned char dom_js[] = {
#embed "pages/dom.js"
};
static const unsigned char events_js[] = {
#embed "pages/events.js"
};
static const unsigned char index_html[] = {
#embed "pages/index.html"
};
static const unsigned char overview_js[] = {
#embed "pages/overview.js"
};
static const unsigned char parts_js[] = {
#embed "pages/parts.js"
};
static const unsigned char plots_js[] = {
#embed "pages/plots.js"
};
static const unsigned char style_css[] = {
#embed "pages/style.css"
};
static const unsigned char words_js[] = {
#embed "pages/words.js"
};

static const struct {
    const char *name;
    const void *start;
    size_t count;
} pages[] = {
    {"app.js", app_js, sizeof app_js},
    {"bundles.js", bundles_js, sizeof bundles_js},
    {"data.js", data_js, sizeof data_js},
    {"device.js", device_js, sizeof device_js},
    {"devices.js", devices_js, sizeof devices_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"events.js", events_js, sizeof events_js},
    {"index.html", index_html, sizeof index_html},
    {"overview.js", overview_js, sizeof overview_js},
    {"parts.js", parts_js, sizeof parts_js},
    {"plots.js", plots_js, sizeof plots_js},
    {"style.css", style_css, sizeof style_css},
    {"words.js", words_js, sizeof words_js},
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
