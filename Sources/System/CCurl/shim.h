#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>

// curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic, which Swift cannot call.
static inline CURLcode scrape_setopt_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode scrape_setopt_pointer(CURL *easy, CURLoption option, const void *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode scrape_setopt_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode scrape_setopt_large(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}
// Its name lost an L in curl 8.2.
static inline CURLcode scrape_allow_refused_recipients(CURL *easy) {
  return curl_easy_setopt(easy, (CURLoption)290, 1L);
}
static inline CURLcode scrape_setopt_data(
    CURL *easy, CURLoption option,
    size_t (*callback)(char *data, size_t size, size_t count, void *context)) {
  return curl_easy_setopt(easy, option, callback);
}
static inline CURLcode scrape_getinfo_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode scrape_getinfo_large(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode scrape_getinfo_pointer(CURL *easy, CURLINFO info, void **value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLMcode scrape_multi_socketfunction(
    CURLM *multi, int (*callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *socketContext),
    void *context) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}
static inline CURLMcode scrape_multi_timerfunction(
    CURLM *multi, int (*callback)(CURLM *multi, long milliseconds, void *context), void *context) {
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
  return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}
static inline CURLcode scrape_setopt_debug(
    CURL *easy, int (*callback)(CURL *easy, curl_infotype type, char *data, size_t size, void *context),
    void *context) {
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, context);
  return curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, callback);
}
static inline CURLcode scrape_setopt_tls(
    CURL *easy, CURLcode (*callback)(CURL *easy, void *tls, void *context), void *context) {
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, context);
  return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, callback);
}
static inline CURLcode scrape_setopt_opensocket(
    CURL *easy,
    curl_socket_t (*callback)(void *context, curlsocktype purpose, struct curl_sockaddr *address),
    void *context) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}
static inline CURLcode scrape_setopt_closesocket(
    CURL *easy, int (*callback)(void *context, curl_socket_t socket), void *context) {
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
  return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
}
static inline CURLcode scrape_getinfo_string(CURL *easy, CURLINFO info, char **value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode scrape_setopt_progress(
    CURL *easy,
    int (*callback)(void *context, curl_off_t down, curl_off_t downNow, curl_off_t up, curl_off_t upNow),
    void *context) {
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, context);
  return curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, callback);
}
// The address of a socket that is about to be made. Its member is shorter than IPv6 needs, and what is
// behind it belongs to it (curl_multi's documentation of CURLOPT_OPENSOCKETFUNCTION).
static inline const void *scrape_address(const struct curl_sockaddr *address) { return &address->addr; }
// The number of bytes that TCP has received on a socket, whoever read them: tcpi_bytes_received of
// Linux's tcp_info (since 4.1), which lies beyond the end of glibc's. 0 if the kernel does not
// report it.
static inline uint64_t scrape_bytes_received(int socket) {
  unsigned char info[136];
  socklen_t size = sizeof info;
  uint64_t count = 0;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, info, &size) == 0 && size >= sizeof info)
    memcpy(&count, info + 128, sizeof count);
  return count;
}
