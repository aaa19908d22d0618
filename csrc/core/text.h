/* text.h -- texts from elsewhere, made harmless for a terminal. */
#ifndef GENLAT_TEXT_H
#define GENLAT_TEXT_H

#include <stddef.h>

enum { GL_TEXT_PIECE = 16 }; /* room for one character as it is shown, with its end */

/* Writes how the character at `text`, which has n > 0 bytes, is shown: as it is, or as an escape where it could command
 * a terminal, turn the direction of the line or is no UTF-8. Returns how many bytes of `text` that is. */
size_t gl_text_piece(const char *text, size_t n, char piece[GL_TEXT_PIECE]);

/* How many bytes of a UTF-8 text that was cut off after n are left without its last character where that is cut. */
size_t gl_text_whole(const char *text, size_t n);

/* Writes a text as it is shown into `size` bytes, cut off at a whole character where it is longer. */
void gl_text_show(const char *text, size_t n, char *shown, size_t size);

#endif
