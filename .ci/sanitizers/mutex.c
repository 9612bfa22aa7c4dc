// Lets ThreadSanitizer see the mutexes of Swift. The fast paths of Synchronization.Mutex are compiled into our code, and so are visible to it;
// the slow ones, where threads wait for each other, are in libswiftSynchronization, which is not instrumented. Without this, whatever a mutex
// guards seems to be in a race as soon as two threads want it at a time. Preloaded by `.ci/sanitize thread`; without effect in a program
// that has no ThreadSanitizer.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// Of ThreadSanitizer (sanitizer/tsan_interface.h).
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// Synchronization._MutexHandle._lockSlow(UInt32), _unlockSlow(): stdlib/public/Synchronization/Mutex/LinuxImpl.swift of Swift.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    ((SWIFT void (*)(uint32_t, SELF void *))dlsym(RTLD_NEXT, LOCK))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void unlock_slow(SELF void *mutex) {
    if (__tsan_release) __tsan_release(mutex);
    ((SWIFT void (*)(SELF void *))dlsym(RTLD_NEXT, UNLOCK))(mutex);
}
