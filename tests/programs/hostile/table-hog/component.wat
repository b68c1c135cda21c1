;; Grows its two tables until it may no more, and answers with how many elements they have. Actions: `misbehave`, and
;; `behave`.
(component
  (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
    (type $record (record (field "action" string) (field "data" (option string))))
    (export "capsule-result" (type (eq $record)))))
  (alias export $lifecycle "capsule-result" (type $capsule-result))

  (core module $code
    (memory (export "memory") 1)
    (table $first 1 funcref)
    (table $second 1 funcref)
    ;; The answers: a word of 8 bytes at 40 and no data; a word of 5 at 48 and data that ends at 128.
    (data (i32.const 0) "\28\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 20) "\30\00\00\00" "\05\00\00\00" "\01")
    (data (i32.const 40) "continue" "final")
    ;; Where an argument goes: behind all else, and the payload over the action, of which only the length counts.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func (export "trigger") (param i32 i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 6))
        (then (return (i32.const 0))))
      ;; Until both tables say no in the same turn.
      (loop $more
        (br_if $more (i32.ne (i32.const -2) (i32.add
          (table.grow $first (ref.null func) (i32.const 100))
          (table.grow $second (ref.null func) (i32.const 100))))))
      (loop $more
        (br_if $more (i32.ne (i32.const -1) (table.grow $first (ref.null func) (i32.const 1)))))
      (call $print (i32.add (table.size $first) (table.size $second)))
      (i32.const 20))
    ;; The data of the second answer is a number.
    (func $print (param $number i32)
      (local $at i32)
      (local.set $at (i32.const 128))
      (loop $digit
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at)
          (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
        (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
        (br_if $digit (local.get $number)))
      (i32.store (i32.const 32) (local.get $at))
      (i32.store (i32.const 36) (i32.sub (i32.const 128) (local.get $at)))))
  (core instance $code (instantiate $code))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $code "memory") (realloc (func $code "realloc")))))
