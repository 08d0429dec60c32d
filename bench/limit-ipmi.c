// What any client over libfreeipmi must spend at the least on a reading of BMCs: nothing is parsed or stored.
//
// A thread for each BMC, as many at once as there are threads, since the library blocks: it opens a session of
// privilege USER with cipher suite 3, sends the requests in order, and closes the session. Every answer must be to
// that command, with any completion code. It prints the number of BMCs that answered to all.
//
//   limit-ipmi CONCURRENCY PORT USER PASSWORD SESSION_MS RETRANSMISSION_MS REQUESTS < ADDRESSES
//
// A line of REQUESTS is a request in hexadecimal: network function, logical unit, command and data.
#include <freeipmi/freeipmi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most = 1024, longest = 64 };

static struct {
  unsigned char bytes[longest];
  unsigned size;
} requests[most];
static int count, port, session, retransmission, answered;
static const char *user, *password;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void read_requests(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) perror(path), exit(2);
  char line[2 * longest + 2];
  while (count < most && fgets(line, sizeof line, file)) {
    unsigned byte;
    for (char *at = line; sscanf(at, "%2x", &byte) == 1; at += 2) requests[count].bytes[requests[count].size++] = byte;
    if (requests[count].size > 2) count++;
  }
  fclose(file);
}

static int poll_bmc(const char *address) {
  char place[96];
  snprintf(place, sizeof place, "%s:%d", address, port);
  ipmi_ctx_t context = ipmi_ctx_create();
  if (!context) return 0;
  int done = ipmi_ctx_open_outofband_2_0(context, place, user, password, NULL, 0, IPMI_PRIVILEGE_LEVEL_USER, 3, session,
                                         retransmission, 0, IPMI_FLAGS_DEFAULT) == 0;
  for (int i = 0; done && i < count; i++) {
    unsigned char answer[1024], *request = requests[i].bytes;
    int size = ipmi_cmd_raw(context, request[1], request[0], request + 2, requests[i].size - 2, answer, sizeof answer);
    done = size >= 2 && answer[0] == request[2];
  }
  ipmi_ctx_destroy(context);
  return done;
}

static void *work(void *unused) {
  char address[64];
  while (1) {
    pthread_mutex_lock(&lock);
    int one = scanf("%63s", address);
    pthread_mutex_unlock(&lock);
    if (one != 1) return unused;
    if (poll_bmc(address)) __atomic_fetch_add(&answered, 1, __ATOMIC_RELAXED);
  }
}

int main(int words, char **word) {
  if (words != 8)
    return fputs("usage: limit-ipmi CONCURRENCY PORT USER PASSWORD SESSION_MS RETRANSMISSION_MS REQUESTS\n", stderr), 2;
  int concurrency = atoi(word[1]);
  port = atoi(word[2]), user = word[3], password = word[4], session = atoi(word[5]), retransmission = atoi(word[6]);
  read_requests(word[7]);
  if (!count || ipmi_rmcpplus_init()) return fputs("no requests, or no cryptography\n", stderr), 2;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t *threads = calloc(concurrency, sizeof *threads);
  int running = 0;
  while (running < concurrency && !pthread_create(&threads[running], &attributes, work, NULL)) running++;
  for (int i = 0; i < running; i++) pthread_join(threads[i], NULL);
  printf("answered %d\n", answered);
  return 0;
}
