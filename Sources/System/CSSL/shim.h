#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Stacks are reached through macros.
static inline int scrape_chain_count(const STACK_OF(X509) *chain) { return sk_X509_num(chain); }
static inline X509 *scrape_chain_item(const STACK_OF(X509) *chain, int index) {
  return sk_X509_value(chain, index);
}
static inline int scrape_names_count(const GENERAL_NAMES *names) {
  return sk_GENERAL_NAME_num(names);
}
static inline const GENERAL_NAME *scrape_names_item(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}

// RFC 2253's form of a name, with UTF-8 left as it is. A macro of macros.
static const unsigned long scrape_name_form = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
