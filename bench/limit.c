// What any client over libssh2 must spend at the least: one thread, epoll, no parsing, no store.
//
// For each host: connect, key exchange, host key, log-in with a key parsed once, `exec sh`, write
// the script, read to the last frame, close. It prints the number of hosts that answered in full.
//
//   limit CONCURRENCY PORT USER KEY HOST_KEY.pub SCRIPT MARK < ADDRESSES
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct blob {
  unsigned char *bytes;
  size_t size;
};

enum stage { connecting, exchanging, proving, opening, starting, talking };

struct host {
  enum stage stage;
  int number;
  uint32_t events;
  LIBSSH2_SESSION *session;
  LIBSSH2_CHANNEL *channel;
  size_t written;
  struct blob text;
};

static EVP_PKEY *key;
static struct blob public_key, host_key, script;
static const char *user, *mark;
static int queue, port, answered, failed, live;

static struct blob read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) perror(path), exit(2);
  struct blob b = {calloc(1, 1 << 20), 0};
  b.size = fread(b.bytes, 1, (1 << 20) - 1, file);
  fclose(file);
  return b;
}

/// The second word of a public key file, decoded.
static struct blob public_blob(const char *path) {
  struct blob file = read_file(path), b = {malloc(file.size), 0};
  char *word = strtok((char *)file.bytes, " ");
  word = word ? strtok(NULL, " \n") : NULL;
  if (!word) fprintf(stderr, "%s: no public key\n", path), exit(2);
  int size = EVP_DecodeBlock(b.bytes, (unsigned char *)word, strlen(word));
  for (char *end = word + strlen(word); end > word && end[-1] == '='; end--) size--;
  b.size = size;
  free(file.bytes);
  return b;
}

/// An Ed25519 key in OpenSSH's unencrypted container: the seed stands 64 bytes after the second
/// "ssh-ed25519" and two lengths, of which one and the public key's 32 bytes lie between.
static EVP_PKEY *private_key(const char *path) {
  struct blob file = read_file(path), b = {malloc(file.size), 0};
  char *text = malloc(file.size + 1), *end = text;
  for (char *line = strtok((char *)file.bytes, "\n"); line; line = strtok(NULL, "\n"))
    if (line[0] != '-') end = stpcpy(end, line);
  b.size = EVP_DecodeBlock(b.bytes, (unsigned char *)text, end - text);
  unsigned char *at = memmem(b.bytes, b.size, "ssh-ed25519", 11);
  if (at) at = memmem(at + 11, b.bytes + b.size - at - 11, "ssh-ed25519", 11);
  if (!at) fprintf(stderr, "%s: not an unencrypted Ed25519 key\n", path), exit(2);
  EVP_PKEY *parsed = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, at + 11 + 4 + 32 + 4, 32);
  free(file.bytes), free(b.bytes), free(text);
  return parsed;
}

static int sign(LIBSSH2_SESSION *session, unsigned char **signature, size_t *size,
                const unsigned char *data, size_t count, void **abstract) {
  (void)session, (void)abstract;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  *size = 64;
  *signature = malloc(64);
  int done = context && *signature && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestSign(context, *signature, size, data, count) == 1;
  EVP_MD_CTX_free(context);
  return done ? 0 : -1;
}

static int begin(struct host *h, const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  memset(h, 0, sizeof *h);
  h->number = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (h->number < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) return -1;
  int one = 1;
  setsockopt(h->number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(h->number, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) return -1;
  h->events = EPOLLOUT;
  struct epoll_event event = {.events = h->events, .data.ptr = h};
  return epoll_ctl(queue, EPOLL_CTL_ADD, h->number, &event);
}

/// 0: come back when the socket is ready; 1: answered; -1: failed.
static int step(struct host *h) {
  int code;
  switch (h->stage) {
  case connecting: {
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(h->number, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem || !(h->session = libssh2_session_init())) return -1;
    libssh2_session_set_blocking(h->session, 0);
    libssh2_session_method_pref(h->session, LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519");
    h->stage = exchanging;
  }
    // fall through
  case exchanging: {
    code = libssh2_session_handshake(h->session, h->number);
    if (code == LIBSSH2_ERROR_EAGAIN) return 0;
    size_t size = 0;
    int type;
    const char *shown = code ? NULL : libssh2_session_hostkey(h->session, &size, &type);
    if (!shown || size != host_key.size || memcmp(shown, host_key.bytes, size)) return -1;
    h->stage = proving;
  }
    // fall through
  case proving: {
    void *context = h;
    code = libssh2_userauth_publickey(h->session, user, public_key.bytes, public_key.size, sign,
                                      &context);
    if (code == LIBSSH2_ERROR_EAGAIN) return 0;
    if (code) return -1;
    h->stage = opening;
  }
    // fall through
  case opening:
    h->channel = libssh2_channel_open_ex(h->session, "session", 7, 128 << 10, 32 << 10, NULL, 0);
    if (!h->channel)
      return libssh2_session_last_errno(h->session) == LIBSSH2_ERROR_EAGAIN ? 0 : -1;
    h->stage = starting;
    // fall through
  case starting:
    code = libssh2_channel_process_startup(h->channel, "exec", 4, "exec sh", 7);
    if (code == LIBSSH2_ERROR_EAGAIN) return 0;
    if (code) return -1;
    h->stage = talking;
    // fall through
  case talking:
    while (h->written < script.size) {
      ssize_t count = libssh2_channel_write_ex(
          h->channel, 0, (char *)script.bytes + h->written, script.size - h->written);
      if (count == LIBSSH2_ERROR_EAGAIN) break;
      if (count < 0) return -1;
      h->written += count;
    }
    while (1) {
      char piece[16 << 10];
      ssize_t count = libssh2_channel_read_ex(h->channel, 0, piece, sizeof piece);
      if (count == LIBSSH2_ERROR_EAGAIN) return 0;
      if (count <= 0) return -1;
      h->text.bytes = realloc(h->text.bytes, h->text.size + count);
      memcpy(h->text.bytes + h->text.size, piece, count);
      h->text.size += count;
      if (memmem(h->text.bytes, h->text.size, mark, strlen(mark))) return 1;
    }
  }
  return -1;
}

static void finish(struct host *h) {
  if (h->session) libssh2_session_disconnect_ex(h->session, SSH_DISCONNECT_BY_APPLICATION, "done", "");
  if (h->number >= 0) shutdown(h->number, SHUT_RDWR);
  if (h->channel) libssh2_channel_free(h->channel);
  if (h->session) libssh2_session_free(h->session);
  if (h->number >= 0) close(h->number);
  free(h->text.bytes);
}

/// Starts the next host in this place; 0 when there is none left.
static int next(struct host *h) {
  char address[64];
  while (scanf("%63s", address) == 1) {
    if (begin(h, address) == 0) return live++, 1;
    finish(h);
    failed++;
  }
  return 0;
}

int main(int count, char **words) {
  if (count != 8)
    return fputs("usage: limit CONCURRENCY PORT USER KEY HOST_KEY.pub SCRIPT MARK\n", stderr), 2;
  int concurrency = atoi(words[1]);
  port = atoi(words[2]);
  user = words[3];
  key = private_key(words[4]);
  char *path;
  if (asprintf(&path, "%s.pub", words[4]) < 0) return 2;
  public_key = public_blob(path);
  host_key = public_blob(words[5]);
  script = read_file(words[6]);
  if (asprintf((char **)&mark, "\n%s\n", words[7]) < 0) return 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  libssh2_init(0);
  queue = epoll_create1(EPOLL_CLOEXEC);

  struct host *hosts = calloc(concurrency, sizeof *hosts);
  for (int i = 0; i < concurrency && next(&hosts[i]); i++) continue;
  while (live) {
    struct epoll_event events[64];
    int ready = epoll_wait(queue, events, 64, 20000);
    if (ready <= 0) break;
    for (int i = 0; i < ready; i++) {
      struct host *h = events[i].data.ptr;
      int code = step(h);
      if (code) {
        if (code > 0) answered++; else failed++;
        finish(h);
        live--;
        next(h);
        continue;
      }
      int outbound =
          libssh2_session_block_directions(h->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
      uint32_t wanted = EPOLLIN | (outbound ? EPOLLOUT : 0);
      if (wanted != h->events) {
        struct epoll_event event = {.events = h->events = wanted, .data.ptr = h};
        epoll_ctl(queue, EPOLL_CTL_MOD, h->number, &event);
      }
    }
  }
  printf("answered %d\n", answered);
  return failed || live ? 1 : 0;
}
