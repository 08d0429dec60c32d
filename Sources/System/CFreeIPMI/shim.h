#include <stddef.h>

#include <freeipmi/freeipmi.h>

// An array of unknown size can't be used from Swift.
static inline const char *scrape_sensor_unit(uint8_t unit) {
  return IPMI_SENSOR_UNIT_VALID(unit) ? ipmi_sensor_units[unit] : NULL;
}
