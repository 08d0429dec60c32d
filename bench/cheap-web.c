// A cheap server of many services: whatever address of 127/8 is asked at one of its ports, a GET gets `200 OK`, and
// a connection that says nothing is closed by whoever made it.
//
//   cheap-web FIRST_PORT COUNT
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

int main(int count, char **words) {
  if (count != 3) return fputs("usage: cheap-web FIRST_PORT COUNT\n", stderr), 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int queue = epoll_create1(EPOLL_CLOEXEC), ports = atoi(words[2]), one = 1, first = 0;
  for (int i = 0; i < ports; i++) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!i) first = listener;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]) + i)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096) ||
        epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event))
      return perror("listen"), 2;
  }
  while (1) {
    struct epoll_event events[256];
    int ready = epoll_wait(queue, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      int number = events[i].data.fd;
      if (number < first + ports) {
        int client;
        while ((client = accept4(number, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
          struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
          if (epoll_ctl(queue, EPOLL_CTL_ADD, client, &event)) close(client);
        }
        continue;
      }
      char text[4096];
      ssize_t size = read(number, text, sizeof text);
      if (size > 3 && !memcmp(text, "GET", 3) && write(number, answer, sizeof answer - 1) < 0) perror("write");
      close(number);
    }
  }
}
