/* io.h -- files in and out: PNG images, IDX data sets, safetensors, and the safe opening and replacing that they share.
 *
 * Files are hostile: a reader checks every length against the size of the file before it uses it, so that what it
 * allocates is in proportion to what is really there. A message begins with the path: "a.png: truncated: ...".
 */
#ifndef GENLAT_IO_H
#define GENLAT_IO_H

#include <stdio.h>
#include <sys/types.h>

#include "genlat.h"

/* ---- file: what the formats share -------------------------------------------------------------------------------- */

typedef enum gl_file_kind { GL_KIND_NONE, GL_KIND_FILE, GL_KIND_FOLDER } gl_file_kind;

gl_file_kind gl_file_find(const char *path);
bool gl_file_mkdirs(const char *path); /* makes a folder and those above it; fine where it exists already */
bool gl_file_write_atomic(const char *path, const void *bytes, size_t n);

typedef struct gl_input { /* a regular file being read */
  int fd;
  int64_t bytes; /* its size when it was opened */
} gl_input;

/* The messages of gl_input_* and gl_output_* do not name the file: the caller does, with gl_fail_in(path). */
bool gl_input_open(gl_input *in, const char *path);
bool gl_input_read(const gl_input *in, int64_t offset, void *out, size_t n); /* exactly n bytes, or it fails */
void gl_input_close(gl_input *in);

/* The most that deflate can make of this many compressed bytes: 1032 : 1, and some for a short stream. */
int64_t gl_inflated_limit(int64_t compressed);

/* A file being written under another name beside its final place, so that nobody ever sees half of it. */
typedef struct gl_output {
  FILE *file;
  const char *path; /* the final place; the caller's string */
  char *temporary;  /* path.tmp */
  dev_t device;     /* with inode: which file it is, to notice when another process makes its own path.tmp */
  ino_t inode;
} gl_output;

bool gl_output_open(gl_output *out, const char *path);
bool gl_output_write(gl_output *out, const void *bytes, size_t n);
/* With ok: syncs the file to the disk and renames it to its final place. Otherwise, or where that fails: removes it,
 * and what was at path before is still there. Returns whether the file is in place; ok = false keeps the message. */
bool gl_output_close(gl_output *out, bool ok);

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

/* Is t an image? H x W, or H x W x C with C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha); bytes, or floats
 * of which 0..1 is shown and the rest is clamped. */
bool gl_png_check(const gl_tensor *t);
bool gl_png_write(const char *path, gl_tensor *t);
gl_tensor *gl_png_read(const char *path); /* uint8, H x W x C with the file's C; 8 bits each, palettes looked up */

/* ---- IDX: the format of MNIST -------------------------------------------------------------------------------------
 */

gl_tensor *gl_idx_read(const char *path);          /* uint8 with the file's shape; plain or gzip-compressed */
bool gl_idx_check(const gl_tensor *t);             /* can t be written: uint8, with an axis, not empty? */
bool gl_idx_write(const char *path, gl_tensor *t); /* compressed where the path ends in .gz */

/* ---- safetensors ---------------------------------------------------------------------------------------------------
 */

typedef struct gl_safetensors { /* an open file; its header is JSON, which is read and checked elsewhere */
  gl_input in;
  char *header; /* header_bytes long, then a zero */
  int64_t header_bytes;
  int64_t data_bytes; /* of the section that the header's data_offsets count in */
} gl_safetensors;

gl_safetensors *gl_safetensors_open(const char *path);
void gl_safetensors_close(gl_safetensors *f); /* NULL is allowed */
/* The tensor at bytes begin .. end of the data section; dtype is the file's word: U8 gives uint8, and F64, F32, F16
 * and BF16 give float. The message does not name the file. */
gl_tensor *gl_safetensors_tensor(const gl_safetensors *f, const char *dtype, int ndim, const int64_t *shape,
                                 int64_t begin, int64_t end);
const char *gl_safetensors_dtype(const gl_tensor *t); /* the word for what t is written as: F32 or U8 */
/* Writes the header's length, the header as it is, and the values of the tensors one after the other. */
bool gl_safetensors_write(const char *path, const char *header, size_t header_bytes, int n, gl_tensor *const *tensor);

#endif
