// A plugin for qemu-user that counts the guest's instructions.
//
//   gcc -O2 -shared -fPIC -o libinstruction_counter.so instruction_counter.c
//   qemu-aarch64 -plugin ./libinstruction_counter.so -d plugin PROGRAM
//
// prints, for every 4 KiB page of code that ran, "page ADDRESS INSTRUCTIONS": the page's number
// modulo 2^20, in hex.
//
// qemu's packages ship no header for plugins, so the few functions of API version 1 are declared
// here. Every block of translated code adds its length to its page's counter each time it runs. One
// guest thread: additions are not atomic.

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*callback)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation,
                                              void* counter, uint64_t amount);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void*), void* data);
void qemu_plugin_outs(const char* text);

EXPORT int qemu_plugin_version = 1;

enum { PAGES = 1 << 20 };
static uint64_t instructions[PAGES];

static void on_translation(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  uint64_t* counter = &instructions[(qemu_plugin_tb_vaddr(block) >> 12) % PAGES];
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, counter,
                                           qemu_plugin_tb_n_insns(block));
}

static void on_exit_of_guest(plugin_id id, void* data) {
  char text[64];
  (void)id;
  (void)data;
  for (int page = 0; page < PAGES; ++page) {
    if (!instructions[page]) continue;
    snprintf(text, sizeof text, "page %x %" PRIu64 "\n", page, instructions[page]);
    qemu_plugin_outs(text);
  }
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info;
  (void)argc;
  (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
  return 0;
}
