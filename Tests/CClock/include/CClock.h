// A clock that tests set forward: all that this process reads of the time goes with it, and a reactor that
// sleeps looks at it again each 2 ms.
#include <stddef.h>
#include <stdint.h>

/// Shows that many nanoseconds more, from now on, on all clocks. Zero at first: then all is as it is.
void clock_set_ahead(int64_t nanoseconds);
/// Shows that many nanoseconds more on the clock of the day only.
void clock_set_wall(int64_t nanoseconds);
/// The bytes that malloc(3) has given out; see mallinfo2(3).
size_t clock_heap_bytes(void);
