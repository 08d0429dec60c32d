// A cheap SSH server: key exchange, one known key, any `exec`, and a canned answer to our batch.
//
// So little work is done for a connection that many hosts fit on one small machine, and the client
// can be measured. It listens on all of 127/8: every 127.x.y.z is a host of its own.
//
//   cheap-sshd PORT HOST_KEY USER_KEY.pub DELAY_MS SCRIPT OPENING CAPTURE [CAPTURE]
//
// It answers to one script only, with any nonce, so that all clients are known to do the same work; it
// may also be the command itself, as Ansible's `raw` sends it. A shell that was sent the opening
// instead stays, and answers to each further line of it.
// A capture is the script's real output with @NONCE@ in the place of the nonce. SIGUSR1 switches to
// the first, SIGUSR2 to the second, so that two passes see counters that have moved.
// If SCRIPT is an empty file, the first script that comes is written there, and not answered.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { nonce_size = 32, script_limit = 128 << 10 };

static ssh_key accepted;
struct file {
  char *bytes;
  size_t size;
};
static struct file script, opening, captures[2];
static const char *script_path;
static volatile sig_atomic_t current;
static int delay_ms;

struct connection {
  ssh_session session;
  ssh_channel channel;
  struct ssh_channel_callbacks_struct callbacks;
  char *input;
  size_t size;
  int answered, stays;
  // A nonce in the input whose answer is due once the command has been acknowledged.
  const char *due;
  time_t used;
  // What the client's window did not take yet.
  char *text;
  size_t length, sent;
};

/// Sends what the client's window takes, and ends the channel behind it.
static void flush(struct connection *c) {
  while (c->text && c->sent < c->length) {
    size_t window = ssh_channel_window_size(c->channel), rest = c->length - c->sent;
    int count = window ? ssh_channel_write(c->channel, c->text + c->sent, window < rest ? window : rest) : 0;
    if (count <= 0) return;
    c->sent += count;
  }
  if (!c->text) return;
  free(c->text);
  c->text = NULL;
  if (c->stays) return;
  ssh_channel_request_send_exit_status(c->channel, 0);
  ssh_channel_send_eof(c->channel);
  ssh_channel_close(c->channel);
}


static void answer(struct connection *c, const char *nonce) {
  static const char mark[] = "@NONCE@";
  // Not a string: /proc/*/cmdline has put NULs into it.
  const char *from = captures[current].bytes, *end = from + captures[current].size;
  // A mark becomes a nonce: at most five times as long.
  char *text = malloc((end - from) * 5 + nonce_size);
  if (!text) return;
  size_t size = 0;
  for (const char *next; from < end; from = next + sizeof mark - 1) {
    next = memmem(from, end - from, mark, sizeof mark - 1);
    size_t count = (next ? next : end) - from;
    memcpy(text + size, from, count);
    size += count;
    if (!next) break;
    memcpy(text + size, nonce, nonce_size);
    size += nonce_size;
  }
  if (delay_ms) usleep(delay_ms * 1000);
  free(c->text);
  c->text = text, c->length = size, c->sent = 0;
  flush(c);
}

static char *nonce_of(char *text) {
  char *line = strstr(text, "\nN=");
  return line && strlen(line + 3) > nonce_size && line[3 + nonce_size] == '\n' ? line + 3 : NULL;
}

/// Whether it is the script that all clients are to send; the nonce stands in it once.
static int is_expected(const char *text, size_t size, const char *nonce) {
  size_t before = nonce - text, after = before + nonce_size;
  return size <= script.size && !memcmp(text, script.bytes, before) &&
         !memcmp(text + after, script.bytes + after, size - after);
}

/// The nonce of the last line of a shell that stays, `_p0 NONCE`; NULL if it is none.
static char *nonce_of_line(struct connection *c) {
  size_t length = 4 + nonce_size + 1;
  char *line = c->input + c->size - length;
  if (c->size < length || c->input[c->size - 1] != '\n' || memcmp(line, "_p0 ", 4)) return NULL;
  if (line == c->input) return c->stays ? line + 4 : NULL;
  size_t before = c->size - length;
  return line[-1] == '\n' && c->size == opening.size && !memcmp(c->input, opening.bytes, before) ? line + 4 : NULL;
}

/// The script is whole when the line that prints the last frame has come.
static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t count, int error,
                   void *user) {
  (void)session, (void)channel;
  struct connection *c = user;
  if (error || c->answered || c->size + count > script_limit) return count;
  memcpy(c->input + c->size, data, count);
  c->size += count;
  c->input[c->size] = 0;
  c->used = time(NULL);
  char *next = nonce_of_line(c);
  if (next) {
    c->stays = 1;
    answer(c, next);
    c->size = 0;
    return count;
  }
  if (!strstr(c->input, "\n$N z\"\n")) return count;
  c->answered = 1;
  char *nonce = nonce_of(c->input);
  if (!script.size) {
    FILE *file = fopen(script_path, "w");
    if (file) fwrite(c->input, 1, c->size, file), fclose(file);
    ssh_channel_close(c->channel);
  } else if (nonce && is_expected(c->input, c->size, nonce)) {
    answer(c, nonce);
  } else {
    fputs("cheap-sshd: another script than `rooms script` prints\n", stderr);
    ssh_channel_close(c->channel);
  }
  return count;
}

static int on_exec(ssh_session session, ssh_channel channel, const char *command, void *user) {
  (void)session, (void)channel;
  struct connection *c = user;
  size_t size = strlen(command);
  // Its last line break may be missing.
  if (size > script_limit || size + 1 < script.size) return SSH_OK;
  memcpy(c->input, command, size + 1);
  char *nonce = nonce_of(c->input);
  if (nonce && is_expected(c->input, size, nonce)) c->due = nonce, c->answered = 1;
  return SSH_OK;
}

static int on_environment(ssh_session session, ssh_channel channel, const char *name,
                          const char *value, void *user) {
  (void)session, (void)channel, (void)name, (void)value, (void)user;
  return SSH_OK;
}

static int on_key(ssh_session session, const char *name, struct ssh_key_struct *key, char state,
                  void *user) {
  (void)session, (void)name, (void)user;
  if (ssh_key_cmp(key, accepted, SSH_KEY_CMP_PUBLIC)) return SSH_AUTH_DENIED;
  return state == SSH_PUBLICKEY_STATE_NONE || state == SSH_PUBLICKEY_STATE_VALID
             ? SSH_AUTH_SUCCESS
             : SSH_AUTH_DENIED;
}

static ssh_channel on_channel(ssh_session session, void *user) {
  struct connection *c = user;
  if (c->channel) return NULL;
  c->channel = ssh_channel_new(session);
  if (c->channel) ssh_set_channel_callbacks(c->channel, &c->callbacks);
  return c->channel;
}

static void *serve(void *user) {
  struct connection c = {.session = user, .input = malloc(script_limit + 1)};
  struct ssh_server_callbacks_struct callbacks = {
      .userdata = &c,
      .auth_pubkey_function = on_key,
      .channel_open_request_session_function = on_channel,
  };
  c.callbacks.userdata = &c;
  c.callbacks.channel_data_function = on_data;
  c.callbacks.channel_exec_request_function = on_exec;
  c.callbacks.channel_env_request_function = on_environment;
  ssh_callbacks_init(&callbacks);
  ssh_callbacks_init(&c.callbacks);
  ssh_set_server_callbacks(c.session, &callbacks);
  ssh_set_auth_methods(c.session, SSH_AUTH_METHOD_PUBLICKEY);
  ssh_event event = ssh_event_new();
  if (c.input && event && ssh_handle_key_exchange(c.session) == SSH_OK) {
    ssh_event_add_session(event, c.session);
    c.used = time(NULL);
    while (ssh_is_connected(c.session) && time(NULL) < c.used + 60) {
      if (ssh_event_dopoll(event, 5000) == SSH_ERROR) break;
      if (c.due) answer(&c, c.due), c.due = NULL;
      flush(&c);
    }
    ssh_event_remove_session(event, c.session);
  }
  if (event) ssh_event_free(event);
  ssh_disconnect(c.session);
  ssh_free(c.session);
  free(c.input);
  free(c.text);
  return NULL;
}

static void choose(int signal) { current = signal == SIGUSR2 && captures[1].bytes; }

static struct file read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) perror(path), exit(2);
  struct file read = {malloc(1 << 20), 0};
  read.size = fread(read.bytes, 1, 1 << 20, file);
  fclose(file);
  return read;
}

int main(int count, char **words) {
  if (count < 8)
    return fputs("usage: cheap-sshd PORT HOST_KEY USER_KEY.pub DELAY_MS SCRIPT OPENING CAPTURE [CAPTURE]\n",
                 stderr), 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  delay_ms = atoi(words[4]);
  script_path = words[5];
  script = read_file(words[5]);
  opening = read_file(words[6]);
  captures[0] = read_file(words[7]);
  if (count > 8) captures[1] = read_file(words[8]);
  signal(SIGUSR1, choose);
  signal(SIGUSR2, choose);

  ssh_init();
  ssh_bind keys = ssh_bind_new();
  ssh_bind_options_set(keys, SSH_BIND_OPTIONS_HOSTKEY, words[2]);
  if (ssh_pki_import_pubkey_file(words[3], &accepted)) return fputs("no user key\n", stderr), 2;

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
    return perror("listen"), 2;

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  while (1) {
    int number = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (number < 0) continue;
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ssh_session session = ssh_new();
    if (!session) {
      close(number);
      continue;
    }
    pthread_t thread;
    if (ssh_bind_accept_fd(keys, session, number) != SSH_OK) {
      fprintf(stderr, "%s\n", ssh_get_error(keys));
      close(number);
      ssh_free(session);
    } else if (pthread_create(&thread, &attributes, serve, session)) {
      ssh_disconnect(session);
      ssh_free(session);
    }
  }
}
