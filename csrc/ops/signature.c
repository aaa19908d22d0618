/* signature.c -- reads the signatures of ops, layers and optimizers. */
#include "ops/signature.h"

#include <stdlib.h>
#include <string.h>

#include "core/plain.h"

bool gl_signature_next(const char **cursor, gl_parameter *p) {
  const char *s = *cursor;
  while (*s == ' ')
    s++;
  if (*s == '\0')
    return false;
  memset(p, 0, sizeof *p);
  size_t name = strcspn(s, ":");
  memcpy(p->name, s, name < GL_NAME_SIZE ? name : GL_NAME_SIZE - 1);
  s += name + 1;
  p->type = *s++;
  for (; *s == '*' || *s == '?'; s++) {
    p->many |= *s == '*';
    p->optional |= *s == '?';
  }
  if (*s == '=') {
    p->has_default = true;
    p->value = s + 1;
    p->length = (int)strcspn(p->value, " ");
    s = p->value + p->length;
  }
  *cursor = s;
  return true;
}

void gl_signature_defaults(const char *signature, gl_arg *arg) {
  gl_parameter p;
  for (int k = 0; gl_signature_next(&signature, &p);) {
    if (p.type == 'T')
      continue;
    gl_arg *a = &arg[k++];
    memset(a, 0, sizeof *a);
    if (!p.has_default || p.type == 'W')
      continue; /* of words, the first is the default */
    a->f = gl_plain_number(p.value);
    a->i = strtoll(p.value, NULL, 10);
    a->b = p.value[0] == 't';
    if (p.type == 'L')
      a->list = (gl_list){.n = 1, .v = {a->i}};
    if (p.type == 'P')
      a->pair[0] = a->f, a->pair[1] = gl_plain_number(strchr(p.value, ',') + 1);
  }
}

int gl_signature_word(const gl_parameter *p, const char *word) {
  const char *s = p->value, *end = p->value + p->length;
  for (int i = 0; s < end; i++) {
    size_t n = strcspn(s, "| ");
    if (strlen(word) == n && strncmp(s, word, n) == 0)
      return i;
    s += n + 1;
  }
  return -1;
}

const char *gl_signature_word_at(const gl_parameter *p, int64_t i, size_t *length) {
  const char *s = p->value;
  for (; i > 0; i--)
    s += strcspn(s, "| ") + 1;
  *length = strcspn(s, "| ");
  return s;
}
