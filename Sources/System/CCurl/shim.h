#include <curl/curl.h>

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
