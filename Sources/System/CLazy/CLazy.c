// Functions of libraries that most commands never call, under their own names: the first call of one loads its
// library, and each further one is a jump through a pointer. The library is not among those that are linked; see
// decision 96. A function that is called and not named here is an error of the linker. On other processors than
// x86-64 the libraries are linked as ever (Package.swift).
#if defined(__x86_64__)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#define CAIRO(F) \
  F(cairo_arc) F(cairo_clip) F(cairo_close_path) F(cairo_create) F(cairo_destroy) F(cairo_fill) \
  F(cairo_font_options_create) F(cairo_font_options_destroy) F(cairo_font_options_set_antialias) \
  F(cairo_font_options_set_hint_metrics) F(cairo_font_options_set_hint_style) F(cairo_get_scaled_font) \
  F(cairo_image_surface_create) F(cairo_line_to) F(cairo_move_to) F(cairo_new_path) F(cairo_paint) F(cairo_rectangle) \
  F(cairo_restore) F(cairo_save) F(cairo_scaled_font_get_type) F(cairo_scaled_font_status) F(cairo_select_font_face) \
  F(cairo_set_dash) F(cairo_set_font_options) F(cairo_set_font_size) F(cairo_set_line_cap) F(cairo_set_line_join) \
  F(cairo_set_line_width) F(cairo_set_source_rgba) F(cairo_show_text) F(cairo_status) F(cairo_status_to_string) \
  F(cairo_stroke) F(cairo_surface_destroy) F(cairo_surface_status) F(cairo_surface_write_to_png_stream) \
  F(cairo_text_extents) F(cairo_text_path)
#define CURL(F) \
  F(curl_easy_cleanup) F(curl_easy_getinfo) F(curl_easy_init) F(curl_easy_reset) F(curl_easy_setopt) \
  F(curl_easy_strerror) F(curl_free) F(curl_getdate) F(curl_global_init) F(curl_multi_add_handle) \
  F(curl_multi_cleanup) F(curl_multi_info_read) F(curl_multi_init) F(curl_multi_remove_handle) F(curl_multi_setopt) \
  F(curl_multi_socket_action) F(curl_slist_append) F(curl_slist_free_all) F(curl_url) F(curl_url_cleanup) \
  F(curl_url_get) F(curl_url_set) F(curl_version) F(curl_version_info)
#define PQ(F) \
  F(PQclear) F(PQconnectPoll) F(PQconnectStartParams) F(PQconsumeInput) F(PQerrorMessage) F(PQfinish) F(PQflush) \
  F(PQgetResult) F(PQgetisnull) F(PQgetlength) F(PQgetvalue) F(PQisBusy) F(PQnfields) F(PQntuples) \
  F(PQparameterStatus) F(PQresultErrorField) F(PQresultStatus) F(PQsendQuery) F(PQsetErrorVerbosity) \
  F(PQsetNoticeProcessor) F(PQsetSingleRowMode) F(PQsetnonblocking) F(PQsocket) F(PQsslInUse) F(PQstatus)
#define MARIADB(F) \
  F(mysql_close) F(mysql_errno) F(mysql_error) F(mysql_fetch_lengths) F(mysql_fetch_row_cont) F(mysql_fetch_row_start) \
  F(mysql_free_result) F(mysql_free_result_cont) F(mysql_free_result_start) F(mysql_get_server_info) \
  F(mysql_get_socket) F(mysql_init) F(mysql_num_fields) F(mysql_options) F(mysql_real_connect_cont) \
  F(mysql_real_connect_start) F(mysql_real_query_cont) F(mysql_real_query_start) F(mysql_server_init) \
  F(mysql_use_result)
#define FREEIPMI(F) \
  F(ipmi_cmd_raw) F(ipmi_ctx_create) F(ipmi_ctx_destroy) F(ipmi_ctx_errnum) F(ipmi_ctx_open_outofband) \
  F(ipmi_ctx_open_outofband_2_0) F(ipmi_ctx_strerror) F(ipmi_fru_board_info_area) F(ipmi_fru_chassis_info_area) \
  F(ipmi_fru_ctx_create) F(ipmi_fru_ctx_destroy) F(ipmi_fru_next) F(ipmi_fru_open_device_id_with_buffer) \
  F(ipmi_fru_product_info_area) F(ipmi_fru_read_data_area) F(ipmi_fru_type_length_field_to_string) \
  F(ipmi_get_event_messages) F(ipmi_iana_enterprise_numbers_string) F(ipmi_interpret_ctx_create) \
  F(ipmi_interpret_ctx_destroy) F(ipmi_interpret_ctx_set_flags) F(ipmi_interpret_ctx_set_manufacturer_id) \
  F(ipmi_interpret_ctx_set_product_id) F(ipmi_interpret_sel) F(ipmi_interpret_sensor) F(ipmi_rmcpplus_init) \
  F(ipmi_sel_ctx_create) F(ipmi_sel_ctx_destroy) F(ipmi_sel_ctx_set_manufacturer_id) F(ipmi_sel_ctx_set_product_id) \
  F(ipmi_sel_ctx_set_separator) F(ipmi_sel_parse_read_record_string) F(ipmi_sensor_decode_value) \
  F(ipmi_sensor_units_string)
#define SYSTEMD(F) F(sd_journal_sendv) F(sd_notify) F(sd_watchdog_enabled)
#define SSL(F) \
  F(SSL_CTX_free) F(SSL_CTX_new) F(SSL_CTX_set1_cert_store) F(SSL_CTX_set_cert_verify_callback) F(SSL_CTX_set_verify) \
  F(SSL_ctrl) F(SSL_do_handshake) F(SSL_free) F(SSL_get1_peer_certificate) F(SSL_get_SSL_CTX) F(SSL_get_error) \
  F(SSL_get_ex_data_X509_STORE_CTX_idx) F(SSL_get_peer_cert_chain) F(SSL_get_version) F(SSL_new) F(SSL_read) \
  F(SSL_set_bio) F(SSL_set_connect_state) F(SSL_shutdown) F(SSL_write) F(TLS_client_method)
#define CARES(F) \
  F(ares_create_query) F(ares_destroy) F(ares_free_string) F(ares_init_options) F(ares_library_init) \
  F(ares_process_fd) F(ares_send) F(ares_set_servers_ports_csv) F(ares_set_socket_functions) F(ares_strerror) \
  F(ares_timeout)
#define EXPAT(F) \
  F(XML_ErrorString) F(XML_GetCurrentLineNumber) F(XML_GetErrorCode) F(XML_Parse) F(XML_ParserCreate) F(XML_ParserFree) \
  F(XML_SetCharacterDataHandler) F(XML_SetElementHandler) F(XML_SetStartDoctypeDeclHandler) F(XML_SetUserData) \
  F(XML_StopParser)
#define PCRE2(F) \
  F(pcre2_code_free_8) F(pcre2_compile_8) F(pcre2_get_error_message_8) F(pcre2_get_ovector_pointer_8) F(pcre2_match_8) \
  F(pcre2_match_context_create_8) F(pcre2_match_context_free_8) F(pcre2_match_data_create_from_pattern_8) \
  F(pcre2_match_data_free_8) F(pcre2_set_heap_limit_8) F(pcre2_set_match_limit_8)
#define SNAPPY(F) \
  F(snappy_compress) F(snappy_max_compressed_length) F(snappy_uncompress) F(snappy_uncompressed_length)

// A function: what is jumped to, its name, and its library. At first that is the lower half, which hands the three
// to `scrape_lazy`.
struct entry {
  void *target;
  const char *name, *library;
};
#define FUNCTION(name, library) \
  __asm__(".pushsection .rodata\n.Lname_" #name ": .asciz \"" #name "\"\n.Lfrom_" #name ": .asciz \"" library "\"\n.popsection\n" \
          ".pushsection .data\n.balign 8\n.Lentry_" #name ": .quad .Lfirst_" #name ", .Lname_" #name ", .Lfrom_" #name "\n.popsection\n" \
          ".globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ": jmp *.Lentry_" #name "(%rip)\n" \
          ".Lfirst_" #name ": lea .Lentry_" #name "(%rip), %r11\njmp scrape_lazy\n");
#define CAIRO_FUNCTION(name) FUNCTION(name, "libcairo.so.2")
#define CURL_FUNCTION(name) FUNCTION(name, "libcurl.so.4")
#define PQ_FUNCTION(name) FUNCTION(name, "libpq.so.5")
#define MARIADB_FUNCTION(name) FUNCTION(name, "libmariadb.so.3")
#define FREEIPMI_FUNCTION(name) FUNCTION(name, "libfreeipmi.so.17")
#define SYSTEMD_FUNCTION(name) FUNCTION(name, "libsystemd.so.0")
#define SSL_FUNCTION(name) FUNCTION(name, "libssl.so.3")
#define CARES_FUNCTION(name) FUNCTION(name, "libcares.so.2")
#define EXPAT_FUNCTION(name) FUNCTION(name, "libexpat.so.1")
#define PCRE2_FUNCTION(name) FUNCTION(name, "libpcre2-8.so.0")
#define SNAPPY_FUNCTION(name) FUNCTION(name, "libsnappy.so.1")
CAIRO(CAIRO_FUNCTION) CURL(CURL_FUNCTION) PQ(PQ_FUNCTION)
MARIADB(MARIADB_FUNCTION) FREEIPMI(FREEIPMI_FUNCTION) SYSTEMD(SYSTEMD_FUNCTION)
SSL(SSL_FUNCTION) CARES(CARES_FUNCTION) EXPAT(EXPAT_FUNCTION) PCRE2(PCRE2_FUNCTION) SNAPPY(SNAPPY_FUNCTION)

// Keeps every register that may hold an argument (System V ABI, 3.2.3; %al counts the vector registers of a variadic
// call), asks where the function is, and goes there.
__asm__(".local scrape_lazy\n.type scrape_lazy, @function\nscrape_lazy:\n"
        "push %rax\npush %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\nsub $128, %rsp\n"
        "movups %xmm0, (%rsp)\nmovups %xmm1, 16(%rsp)\nmovups %xmm2, 32(%rsp)\nmovups %xmm3, 48(%rsp)\n"
        "movups %xmm4, 64(%rsp)\nmovups %xmm5, 80(%rsp)\nmovups %xmm6, 96(%rsp)\nmovups %xmm7, 112(%rsp)\n"
        "mov %r11, %rdi\ncall scrape_lazy_find\nmov %rax, %r11\n"
        "movups (%rsp), %xmm0\nmovups 16(%rsp), %xmm1\nmovups 32(%rsp), %xmm2\nmovups 48(%rsp), %xmm3\n"
        "movups 64(%rsp), %xmm4\nmovups 80(%rsp), %xmm5\nmovups 96(%rsp), %xmm6\nmovups 112(%rsp), %xmm7\n"
        "add $128, %rsp\npop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\npop %rax\njmp *%r11\n");

/// Where a function is; from any thread. Its library stays loaded. Without it the process ends.
__attribute__((used, visibility("hidden"))) void *scrape_lazy_find(struct entry *entry) {
  void *library = dlopen(entry->library, RTLD_LAZY | RTLD_GLOBAL);
  void *target = library ? dlsym(library, entry->name) : NULL;
  if (!target) {
    fprintf(stderr, "scrape: %s\n", dlerror());
    _exit(127);
  }
  __atomic_store_n(&entry->target, target, __ATOMIC_RELEASE);
  return target;
}
#endif
