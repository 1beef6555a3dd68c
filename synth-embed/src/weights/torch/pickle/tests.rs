use super::*;

fn fault(program: &[u8]) -> PickleError {
    read(program).expect_err("refused")
}

#[test]
fn integers_are_twos_complement_of_any_length() {
    assert_eq!(integer(&[]), Value::Int(0));
    assert_eq!(integer(&[0xff]), Value::Int(-1));
    assert_eq!(integer(&[0xff, 0]), Value::Int(255));
    assert_eq!(integer(&i64::MIN.to_le_bytes()), Value::Int(i64::MIN));
    assert_eq!(integer(&[1; 9]), Value::Long(&[1; 9]));
}

/// Python 2: `pickle.dumps(OrderedDict(a=1), 2)`, whose strings are byte strings.
#[test]
fn reads_the_ordered_dictionary_of_python_2() {
    let pickle =
        read(b"\x80\x02ccollections\nOrderedDict\n]q\x00]q\x01(U\x01aK\x01ea\x85Rq\x02.").expect("good");
    assert_eq!(pickle.heap.entries(pickle.root), Some(&[(Value::Text("a"), Value::Int(1))][..]));
}

#[test]
fn every_name_beside_the_known_ones_is_an_error() {
    for (program, object) in [
        (&b"cos\nsystem\n."[..], ("os", "system")),
        (b"c__builtin__\neval\n.", ("__builtin__", "eval")),
        (b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.", ("builtins", "exec")),
        (b"ccollections\nCounter\n.", ("collections", "Counter")),
        (b"ctorch\nload\n.", ("torch", "load")),
    ] {
        let (module, name) = (object.0.to_owned(), object.1.to_owned());
        assert_eq!(fault(program), PickleError::Global { module, name });
    }
}

/// INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1 and PERSID could make objects as well.
#[test]
fn opcodes_that_make_objects_are_errors() {
    for opcode in [b'i', b'o', 0x81, 0x92, 0x82, b'P'] {
        assert_eq!(fault(&[b'(', opcode, b'\n', b'\n', b'.']), PickleError::Opcode { opcode, at: 1 });
    }
}

#[test]
fn malformed_programs_are_errors() {
    for program in [
        &b"."[..],           // nothing on the stack
        b"(.",               // a mark is no value
        b"t.",               // no mark
        b"NR.",              // no arguments
        b"N)R.",             // what is called is no name
        b"N(Ne.",            // append to None
        b"}(Nu.",            // a key without a value
        b"]N(a.",            // takes from below the mark
        b"h\x00.",           // an empty memo
        b"NQ.",              // a storage that is no tuple
        b"]Nb.",             // attributes of a list
        b"X\x01\0\0\0\xff.", // no UTF-8
        b"ccollections\nOrderedDict\nN\x85R.",
        b"ctorch._utils\n_rebuild_tensor_v2\nK\x01\x85R.",
        b"ctorch._utils\n_rebuild_parameter\n}\x85R.",
    ] {
        let error = fault(program);
        assert!(matches!(error, PickleError::Malformed { .. }), "{}: {error}", program.escape_ascii());
    }
    for program in [&b""[..], b"(", b"X\xff\xff\xff\xffabc", b"ccollections", b"\x8a\xff", b"G123"] {
        assert_eq!(fault(program), PickleError::Truncated, "{}", program.escape_ascii());
    }
}

/// A list of a million items in the memo, made a dictionary or a shape over and over again, would
/// take time and memory without end.
#[test]
fn copies_of_the_memo_are_bounded() {
    let filled = |item: &[u8]| [&b"]("[..], &item.repeat(1 << 19), b"eq\x00"].concat();
    let pairs = filled(b"NN\x86");
    let again = b"ccollections\nOrderedDict\nh\x00\x85R0".repeat(1 << 10);
    assert_eq!(fault(&[&pairs[..], &again, b"."].concat()), PickleError::TooLong);

    let shape = filled(b"K\x01");
    let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x01tQq\x01";
    let again = b"ctorch._utils\n_rebuild_tensor\n(h\x01K\x00h\x00h\x00tR0".repeat(1 << 10);
    assert_eq!(fault(&[&shape[..], storage, &again, b"."].concat()), PickleError::TooLong);
}

#[test]
fn a_container_may_hold_itself() {
    let pickle = read(b"}q\x00X\x01\0\0\0ah\x00s.").expect("good");
    assert_eq!(pickle.heap.entries(pickle.root), Some(&[(Value::Text("a"), pickle.root)][..]));
}
