#define _GNU_SOURCE
#include "CLab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int lab_inherit_nothing(posix_spawn_file_actions_t *actions) {
  return posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

int lab_enter_network(pid_t process) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", process);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  int code = setns(file, CLONE_NEWNET);
  close(file);
  return code;
}

int lab_open_capture(int room) {
  int capture = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (capture < 0) return -1;
  struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  if (setsockopt(capture, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
      bind(capture, (struct sockaddr *)&place, sizeof place) != 0) {
    close(capture);
    return -1;
  }
  return capture;
}

long lab_next_packet(int capture, void *bytes, size_t size, int *interface) {
  struct sockaddr_ll place = {0};
  socklen_t length = sizeof place;
  ssize_t count =
      recvfrom(capture, bytes, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&place, &length);
  *interface = place.sll_ifindex;
  return count;
}

int lab_lost_packets(int capture) {
  struct tpacket_stats stats = {0};
  socklen_t length = sizeof stats;
  if (getsockopt(capture, SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0) return -1;
  return (int)stats.tp_drops;
}

long lab_find(const void *all, size_t size, const void *part, size_t length) {
  const void *found = memmem(all, size, part, length);
  return found ? (const char *)found - (const char *)all : -1;
}
