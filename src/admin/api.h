/*
 * The HTTP API: what a site's back end and its operators ask of hlsgate. The table of endpoints,
 * the check of the key before any of them, and the handlers, which read counters, journals and the
 * store and write only through the store. Requests come from gate/ as any other do.
 */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "admin/settings.h"
#include "gate/gate.h"

/*
 * The API of the process; its keys come with the rules (rules->api). Called once, before the
 * workers start and while no arena lives but those of the configuration: the gauge `arenas` counts
 * from there.
 */
const struct api *admin_api(void);

#endif
