;; Exports a `run` that can't be told from a loop without calling it, since it calls what a table and a variable say. It
;; returns without having asked the host for anything.
(component
  (core module $code
    (type $nothing (func))
    (table 1 funcref)
    (elem (i32.const 0) $return)
    (global $which (mut i32) (i32.const 0))
    (func $return)
    (func (export "run")
      (call_indirect (type $nothing) (global.get $which))))
  (core instance $code (instantiate $code))

  (func (export "run") (canon lift (core func $code "run"))))
