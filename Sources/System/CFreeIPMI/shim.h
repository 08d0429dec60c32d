#include <dlfcn.h>
#include <stddef.h>

#include <freeipmi/freeipmi.h>

// An array of unknown size can't be used from Swift. It is looked up by its name, since a variable, unlike a function,
// would have the library loaded at the start (decision 96); an array of units without the library is not asked for.
static inline const char *scrape_sensor_unit(uint8_t unit) {
  static const char *const *units;
  if (!units) units = (const char *const *)dlsym(NULL, "ipmi_sensor_units");
  return units && IPMI_SENSOR_UNIT_VALID(unit) ? units[unit] : NULL;
}
