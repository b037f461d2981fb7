//! probe
fn main() {
    for path in std::env::args().skip(1) {
        let t = std::time::Instant::now();
        let s = config::Source::load(std::path::Path::new(&path)).unwrap();
        let a = t.elapsed();
        let r = config::plan(&s, &|n| std::env::var(n).ok());
        println!("load {a:?} all {:?} ok {}", t.elapsed(), r.is_ok());
        if let Err(e) = r { println!("{}", e.to_string().chars().take(2000).collect::<String>()); }
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        println!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap());
    }
}
