import { useLocation } from 'preact-iso/router'
import { Title } from '../ui/title.tsx'

export function NotFound() {
  const { path } = useLocation()
  return (
    <>
      <Title text="Not here" />
      <p>
        The page has no part <code>{path}</code>. <a href="/">Go to the overview.</a>
      </p>
    </>
  )
}
