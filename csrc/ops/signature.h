/* signature.h -- reads the signatures of ops, layers and optimizers ("x:T p:F=0.5 axes:L?"). */
#ifndef GENLAT_SIGNATURE_H
#define GENLAT_SIGNATURE_H

#include "genlat.h"

enum { GL_NAME_SIZE = 24 };

typedef struct gl_parameter {
  char name[GL_NAME_SIZE];
  char type; /* T F P I L B W */
  bool many; /* T* */
  bool optional;
  bool has_default;
  const char *value; /* the text of the default, or of the words of a W */
  int length;        /* of that text */
} gl_parameter;

/* The next parameter of a signature at *cursor, which moves on; false at the end. */
bool gl_signature_next(const char **cursor, gl_parameter *p);
/* Sets the arguments that have a default; the others become "not given". */
void gl_signature_defaults(const char *signature, gl_arg *arg);
/* The place of a word among those of a W parameter, -1 where it is none of them. */
int gl_signature_word(const gl_parameter *p, const char *word);
/* The i-th word of a W parameter, and its length. */
const char *gl_signature_word_at(const gl_parameter *p, int64_t i, size_t *length);

#endif
