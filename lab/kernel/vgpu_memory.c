// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a vGPU that is allocated a page at a time, when it is first
 * written or mapped: a laptop of 2 GiB has vGPUs of 128 MiB of aperture.
 *
 * Pages are added without a lock (a page fault must not wait for an ioctl that
 * waits for a page fault) and taken away only in lazy_mem_free(), when the
 * device is closed and no mapping of it is left. A dma-buf holds references of
 * its own and may live longer.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "gvt.h"

void lazy_mem_init(struct lazy_mem *mem, u64 size)
{
	xa_init(&mem->pages);
	mem->size = size;
}

/* The page, allocated if need be; no reference is taken. NULL: no memory. */
struct page *lazy_mem_page(struct lazy_mem *mem, pgoff_t index)
{
	struct page *page, *other;

	page = xa_load(&mem->pages, index);
	if (page)
		return page;

	page = alloc_page(GFP_USER | __GFP_ZERO);
	if (!page)
		return NULL;
	other = xa_cmpxchg(&mem->pages, index, NULL, page, GFP_KERNEL);
	if (!other)
		return page;
	__free_page(page);
	return xa_is_err(other) ? NULL : other;
}

int lazy_mem_read(struct lazy_mem *mem, u64 off, void *buf, size_t count)
{
	if (off > mem->size || count > mem->size - off)
		return -EINVAL;
	while (count) {
		size_t part = min_t(size_t, count,
				    PAGE_SIZE - offset_in_page(off));
		struct page *page = xa_load(&mem->pages, off >> PAGE_SHIFT);

		if (page)
			memcpy(buf, page_address(page) + offset_in_page(off),
			       part);
		else
			memset(buf, 0, part);
		buf += part;
		off += part;
		count -= part;
	}
	return 0;
}

int lazy_mem_write(struct lazy_mem *mem, u64 off, const void *buf,
		   size_t count)
{
	if (off > mem->size || count > mem->size - off)
		return -EINVAL;
	while (count) {
		size_t part = min_t(size_t, count,
				    PAGE_SIZE - offset_in_page(off));
		struct page *page = lazy_mem_page(mem, off >> PAGE_SHIFT);

		if (!page)
			return -ENOMEM;
		memcpy(page_address(page) + offset_in_page(off), buf, part);
		buf += part;
		off += part;
		count -= part;
	}
	return 0;
}

/* Zeroes it, but keeps the pages: some may be mapped. */
void lazy_mem_clear(struct lazy_mem *mem)
{
	unsigned long index;
	struct page *page;

	xa_for_each(&mem->pages, index, page)
		clear_highpage(page);
}

void lazy_mem_free(struct lazy_mem *mem)
{
	unsigned long index;
	struct page *page;

	xa_for_each(&mem->pages, index, page)
		put_page(page);
	xa_destroy(&mem->pages);
}
