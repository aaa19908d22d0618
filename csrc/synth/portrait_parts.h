/* portrait_parts.h -- inside synth/: what the parts of a portrait share. */
#ifndef GENLAT_PORTRAIT_PARTS_H
#define GENLAT_PORTRAIT_PARTS_H

#include "synth/portrait.h"

/* Whoever sits for the portrait. Places and lengths of the head are in its own frame: the origin between the eyes, one
 * unit about half a side of the picture. */
typedef struct gl_sitter {
  const float *factor;
  const gl_look *look;
  gl_sketch *sketch;
  gl_frame head, body;
  float turn;                 /* -1 to 1 */
  float half_width;           /* of the head */
  gl_colour skin, skin_shade; /* lit, and away from the light */
  gl_colour hair, hair_shade, hair_shine;
} gl_sitter;

/* A place on the face, x to the right of its middle line when it looks ahead: where it is when the head is turned. */
float gl_sitter_across(const gl_sitter *s, float x);
/* How much narrower things are there because the face turns away. */
float gl_sitter_narrow(const gl_sitter *s, float x);

/* The outline of the head. */
gl_part gl_sitter_outline(const gl_sitter *s);

void gl_portrait_back_hair(const gl_sitter *s);   /* behind the neck */
void gl_portrait_hair_shadow(const gl_sitter *s); /* on the forehead */
void gl_portrait_front_hair(const gl_sitter *s);
void gl_portrait_beard(const gl_sitter *s);
void gl_portrait_brows(const gl_sitter *s);

void gl_portrait_eyes(const gl_sitter *s);
void gl_portrait_nose(const gl_sitter *s);
void gl_portrait_mouth(const gl_sitter *s);
void gl_portrait_glasses(const gl_sitter *s);

static inline float gl_lerp(float a, float b, float t) { return a + t * (b - a); }
/* 0 up to a, 1 from b on, smooth between. */
static inline float gl_ramp(float a, float b, float x) {
  float t = (x - a) / (b - a);
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  return t * t * (3 - 2 * t);
}

/* 0xRRGGBB */
static inline gl_colour gl_rgb(unsigned hex) {
  const float scale = 1 / 255.0f;
  return (gl_colour){(float)(hex >> 16 & 255) * scale, (float)(hex >> 8 & 255) * scale, (float)(hex & 255) * scale};
}

#endif
