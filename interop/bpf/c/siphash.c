#include "../../../examples/bpf/bpf.h"
// SipHash-2-4 of the first 16 bytes: 64-bit rotations and functions that are not inlined.
struct state { __u64 a, b, c, d; };
#define ROTATE(x, n) (((x) << (n)) | ((x) >> (64 - (n))))
static __noinline void round(struct state *s) {
  s->a += s->b; s->b = ROTATE(s->b, 13) ^ s->a; s->a = ROTATE(s->a, 32);
  s->c += s->d; s->d = ROTATE(s->d, 16) ^ s->c;
  s->a += s->d; s->d = ROTATE(s->d, 21) ^ s->a;
  s->c += s->b; s->b = ROTATE(s->b, 17) ^ s->c; s->c = ROTATE(s->c, 32);
}
SEC("xdp") int siphash(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 16 > end) return 0;
  struct state s = { 0x736f6d6570736575ull, 0x646f72616e646f6dull, 0x6c7967656e657261ull, 0x7465646279746573ull };
#pragma clang loop unroll(disable)
  for (int i = 0; i < 2; i++) {
    __u64 m = ((__u64 *)data)[i];
    s.d ^= m; round(&s); round(&s); s.a ^= m;
  }
  s.c ^= 0xff; round(&s); round(&s); round(&s); round(&s);
  __u64 h = s.a ^ s.b ^ s.c ^ s.d;
  return h ^ (h >> 32);
}
char _license[] SEC("license") = "GPL";
