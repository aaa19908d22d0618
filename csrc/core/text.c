/* text.c -- names of tensors, classes and files may hold anything. Shown as they are they could clear a screen, set a
 * window's title or make a line read backwards; so each character that is not plainly visible is shown escaped. */
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The bytes of the UTF-8 character at b (RFC 3629: shortest form, no surrogates, up to U+10FFFF), or 0 where there is
 * none; *code: its code point. */
static size_t decode(const uint8_t *b, size_t n, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t bytes = b[0] < 0x80 ? 1 : b[0] < 0xC2 ? 0 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : b[0] < 0xF5 ? 4 : 0;
  if (bytes == 0 || bytes > n)
    return 0;
  uint32_t c = bytes == 1 ? b[0] : b[0] & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; i++) {
    if ((b[i] & 0xC0) != 0x80)
      return 0;
    c = c << 6 | (b[i] & 0x3Fu);
  }
  *code = c;
  return c >= least[bytes] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF) ? bytes : 0;
}

/* Controls (C0, DEL, C1), marks that change the direction of writing (Unicode's UAX 9), line ends, and characters that
 * are no more than instructions to whatever shows them (byte order mark, tags). */
static bool is_hidden(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

size_t gl_text_piece(const char *text, size_t n, char piece[GL_TEXT_PIECE]) {
  uint32_t c = 0;
  size_t bytes = decode((const uint8_t *)text, n, &c);
  if (bytes > 0 && !is_hidden(c)) {
    memcpy(piece, text, bytes);
    piece[bytes] = '\0';
    return bytes;
  }
  const char *known = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
  if (bytes > 0 && known)
    snprintf(piece, GL_TEXT_PIECE, "%s", known);
  else if (bytes <= 1)
    snprintf(piece, GL_TEXT_PIECE, "\\x%02X", (unsigned)(uint8_t)*text);
  else
    snprintf(piece, GL_TEXT_PIECE, "\\u{%04X}", (unsigned)c);
  return bytes > 0 ? bytes : 1;
}

size_t gl_text_whole(const char *text, size_t n) {
  const uint8_t *b = (const uint8_t *)text;
  size_t lead = n;
  while (lead > 0 && n - lead < 3 && (b[lead - 1] & 0xC0) == 0x80)
    lead--;
  if (lead == 0 || b[lead - 1] < 0xC0)
    return n;
  size_t bytes = b[lead - 1] < 0xE0 ? 2 : b[lead - 1] < 0xF0 ? 3 : 4;
  return n - (lead - 1) < bytes ? lead - 1 : n;
}

void gl_text_show(const char *text, size_t n, char *shown, size_t size) {
  size_t used = 0;
  char piece[GL_TEXT_PIECE];
  for (size_t i = 0; i < n;) {
    i += gl_text_piece(text + i, n - i, piece);
    size_t length = strlen(piece);
    if (used + length >= size)
      break;
    memcpy(shown + used, piece, length);
    used += length;
  }
  shown[used] = '\0';
}
