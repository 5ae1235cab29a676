/*
 * Memory of the process: small allocations abort when there is none left (whatever a peer sizes has
 * a cap before it comes here), ownership is moved by TAKE() and given back by AUTO().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* `AUTO(policy_free) struct policy *p = ...;` calls policy_free(&p) when p leaves its scope. */
#define AUTO(free_fn) __attribute__((cleanup(free_fn)))

/* Ownership leaves the variable: its value is returned, the variable becomes NULL. */
#define TAKE(var)                  \
    ({                             \
        __auto_type take_ = (var); \
        (var) = NULL;              \
        take_;                     \
    })

#define MIN(a, b)                          \
    ({                                     \
        __auto_type min_a_ = (a);          \
        __auto_type min_b_ = (b);          \
        min_a_ < min_b_ ? min_a_ : min_b_; \
    })
#define MAX(a, b)                          \
    ({                                     \
        __auto_type max_a_ = (a);          \
        __auto_type max_b_ = (b);          \
        max_a_ > max_b_ ? max_a_ : max_b_; \
    })

/* Does ASan look on? Then nothing is kept for the next who asks: each block is a malloc of its own,
 * and what is wrong with it is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_IS_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_IS_CHECKED 1
#endif
#endif
#ifndef MEM_IS_CHECKED
#define MEM_IS_CHECKED 0
#endif

void *xmalloc(size_t n);
void *xzalloc(size_t n);
void *xcalloc(size_t count, size_t size); /* aborts when the product overflows */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
void *xmemdup(const void *p, size_t n);

/* free(*p) and NULL: the cleanup handler of plain heap memory, for AUTO(). `p` points to a pointer.
 */
void xfree_p(void *p);

#endif
