// SwiftPM wants one source file to build a C target that is otherwise headers only.
#include "CLinux.h"
