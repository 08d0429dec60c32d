// What cannot be written in Swift: a variadic call, and a signal handler.
#include "CLinux.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

void scrape_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static int signal_events = -1;
static int watched_events = -1;

// Only what signal-safety(7) allows.
static void note_signal(int number) {
  int saved = errno;
  (void)number;
  uint64_t value = 1;
  ssize_t ignored = write(signal_events, &value, sizeof value);
  ignored = write(watched_events, &value, sizeof value);
  (void)ignored;
  // The next one ends the process, whatever it is busy with.
  scrape_release_signals();
  errno = saved;
}

int scrape_catch_signals(void) {
  signal_events = eventfd(0, scrape_eventfd_flags);
  watched_events = eventfd(0, scrape_eventfd_flags);
  if (signal_events < 0 || watched_events < 0) return -1;
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART}, before;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGINT, &action, 0) != 0 || sigaction(SIGTERM, &action, 0) != 0) return -1;
  // nohup(1) has it ignored, and means it.
  if (sigaction(SIGHUP, 0, &before) == 0 && before.sa_handler != SIG_IGN) {
    sigaction(SIGHUP, &action, 0);
  }
  return signal_events;
}

static int hangup_events = -1;

static void note_hangup(int number) {
  int saved = errno;
  (void)number;
  uint64_t value = 1;
  ssize_t ignored = write(hangup_events, &value, sizeof value);
  (void)ignored;
  errno = saved;
}

int scrape_catch_hangups(void) {
  hangup_events = eventfd(0, scrape_eventfd_flags);
  if (hangup_events < 0) return -1;
  struct sigaction action = {.sa_handler = note_hangup, .sa_flags = SA_RESTART}, before;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGHUP, 0, &before) == 0 && before.sa_handler != SIG_IGN) {
    if (sigaction(SIGHUP, &action, 0) != 0) return -1;
  }
  return hangup_events;
}

int scrape_watch_signals(void) { return watched_events; }

void scrape_release_signals(void) {
  struct sigaction before;
  void (*end)(int) = scrape_terminal_is_guarded() ? scrape_restore_and_end : SIG_DFL;
  signal(SIGINT, end);
  signal(SIGTERM, end);
  if (sigaction(SIGHUP, 0, &before) == 0 && before.sa_handler != SIG_IGN) signal(SIGHUP, end);
}

int scrape_clock_is_synchronised(void) {
  struct timex time = {0};
  int state = adjtimex(&time);
  return state < 0 ? -1 : state != TIME_ERROR;
}

long scrape_clock_error_bound(void) {
  struct timex time = {0};
  return adjtimex(&time) < 0 ? -1 : time.maxerror;
}

long scrape_modification_time(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? status.st_mtim.tv_sec : 0;
}

double scrape_cpu_seconds(void) {
  double seconds = 0;
  const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
  for (int index = 0; index < 2; index++) {
    struct rusage usage;
    if (getrusage(who[index], &usage) != 0) continue;
    seconds += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  }
  return seconds;
}
