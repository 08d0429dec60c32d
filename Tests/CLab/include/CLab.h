// What the lab needs of C: ptrace(2) is variadic, and some calls are GNU's.
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

/// Stops one thread of another process, as a debugger would; -1 with errno set. The calling thread holds
/// it for as long as it lives.
static inline int lab_stop_thread(pid_t thread) {
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return -1;
  if (ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) return -1;
  int status;
  return waitpid(thread, &status, __WALL) == thread ? 0 : -1;
}

/// Takes note of a stopped thread's end: its process is not gone before. Zero while it has not ended.
static inline int lab_reap_thread(pid_t thread) {
  int status;
  return waitpid(thread, &status, __WALL | WNOHANG) != 0;
}

/// Makes a child begin with descriptors 0 to 2 only; see posix_spawn_file_actions_addclosefrom_np(3).
int lab_inherit_nothing(posix_spawn_file_actions_t *actions);

/// Moves the calling thread into the network namespace of a process; -1 with errno set.
int lab_enter_network(pid_t process);

/// A socket that gets all packets of all interfaces of the thread's network namespace, without their link
/// headers, and keeps as many bytes of them as `room`; -1 with errno set. See packet(7).
int lab_open_capture(int room);
/// The next packet that was kept and its length, which may be greater than `size`; -1 where there is none.
long lab_next_packet(int capture, void *bytes, size_t size, int *interface);
/// The packets for which there was no room since the last call; -1 with errno set.
int lab_lost_packets(int capture);

/// Where the part begins, or -1; see memmem(3).
long lab_find(const void *all, size_t size, const void *part, size_t length);
