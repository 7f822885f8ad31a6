//go:build !linux

package spool

import "errors"

var errNoMount = errors.New("only on Linux")

func mountTiny(string, int) error  { return errNoMount }
func remountReadOnly(string) error { return errNoMount }
func unmount(string) error         { return errNoMount }
