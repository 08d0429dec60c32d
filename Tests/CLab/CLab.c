#define _GNU_SOURCE
#include "CLab.h"

int lab_inherit_nothing(posix_spawn_file_actions_t *actions) {
  return posix_spawn_file_actions_addclosefrom_np(actions, 3);
}
