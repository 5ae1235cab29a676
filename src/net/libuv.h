/* libuv without the MIN and MAX of <sys/param.h>, which it brings along: ours evaluate their
 * arguments once. */
#ifndef NET_LIBUV_H
#define NET_LIBUV_H

#include "base/mem.h"

#pragma push_macro("MIN")
#pragma push_macro("MAX")
#include <uv.h>
#pragma pop_macro("MIN")
#pragma pop_macro("MAX")

#endif
