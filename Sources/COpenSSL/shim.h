#pragma once
// No _GNU_SOURCE, as in CSys: two modules that see different system headers cannot be imported together.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "crypto_shim.h"
#include "gh_tls.h"
#include "gh_session.h"
