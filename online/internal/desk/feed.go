package desk

import "sync"

type feed struct{}

type totals struct{ lock sync.Mutex }

func newFeed(*Desk) *feed { return &feed{} }
