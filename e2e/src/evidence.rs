//! What a failed scenario leaves behind: pictures of all tabs, what they show, and all logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::browser::Browser;
use crate::environment;
use crate::scenario::World;
use crate::tab::Tab;

/// A tab that does not answer by then has nothing to show.
const TAB_DEADLINE: Duration = Duration::from_secs(5);

/// Writes everything into a folder of the scenario's name, and returns it.
pub(crate) async fn collect(name: &str, world: &World) -> Result<PathBuf> {
    let folder = environment::failures().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    copy_logs(world.folder(), &folder)?;
    for browser in world.browsers() {
        for (tab, window) in browser.tabs().await {
            let file = folder.join(tab.replace(' ', "-"));
            let tab = Tab::new(tab, browser.clone(), window);
            let kept = tokio::time::timeout(TAB_DEADLINE, keep_tab(&tab, &file)).await;
            if let Some(problem) = match kept {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{error:#}")),
                Err(_) => Some("the tab does not answer".to_owned()),
            } {
                fs::write(file.with_extension("txt"), problem)?;
            }
        }
        keep_console(browser, &folder).await?;
    }
    Ok(folder.canonicalize()?)
}

async fn keep_tab(tab: &Tab, file: &Path) -> Result<()> {
    tab.screenshot(&file.with_extension("png")).await?;
    let page = tab.look().await?;
    fs::write(file.with_extension("txt"), format!("{page}\n\n{page:#?}"))?;
    Ok(())
}

async fn keep_console(browser: &Browser, folder: &Path) -> Result<()> {
    let lines = tokio::time::timeout(TAB_DEADLINE, browser.console())
        .await
        .unwrap_or_else(|_| vec!["the browser does not answer".to_owned()]);
    let file = format!("{}-console.txt", browser.name().replace(' ', "-"));
    fs::write(folder.join(file), lines.join("\n"))?;
    Ok(())
}

fn copy_logs(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(name) = path.file_name()
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
