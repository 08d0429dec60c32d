// prctl is variadic, which Swift cannot call.
#include "CLinux.h"
#include <sys/prctl.h>

void scrape_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
